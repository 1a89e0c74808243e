#!/bin/sh
# Installs the forced command on this node. Usage: [DESTDIR=D] [prefix=/usr/local] install.sh
#
# The driver is the program's own; an edited configuration is left as it is.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
directory=${prefix-/usr/local}/lib/ordermonit-node
config=${sysconfdir-/etc}/ordermonit-node.conf

install -d "${DESTDIR-}$directory" "${DESTDIR-}${config%/*}"
install -m 755 "$here/ordermonit-node" "${DESTDIR-}$directory"
program=$here/../../ordermonit/node
cd -- "$program"
cat task.rb children.rb warm.rb driver.rb >"${DESTDIR-}$directory/driver.rb"
chmod 644 "${DESTDIR-}$directory/driver.rb"
[ -e "${DESTDIR-}$config" ] || install -m 644 "$here/ordermonit-node.conf" "${DESTDIR-}$config"

echo "Now edit $config, and put this before the monitor's key in authorized_keys:"
echo "restrict,command=\"$directory/ordermonit-node\""
