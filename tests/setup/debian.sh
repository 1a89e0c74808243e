#!/bin/sh
# Installs the Debian packages that a make target needs. Usage: debian.sh TARGET
#
# Does nothing when they are all there. Otherwise, as root, it installs them without starting any
# service: the tests start private servers of their own. Anybody else gets one line that says what
# to install.
set -eu

venv='python3-venv python3-dev gcc libc6-dev pkg-config libsystemd-dev'
demo="$venv ruby rake"
test="$demo openssh-server openssh-client mariadb-server postgresql systemd systemd-container
strace iproute2 iptables faketime procps fish tcsh zsh bash-completion mandoc man-db groff-base openssl prometheus
ruby-activerecord ruby-sqlite3 dropbear-bin pgbouncer locales dpkg-dev chromium"
# npm is often there from elsewhere, and Debian's brings 400 packages.
command -v npm >/dev/null || test="$test npm"

deb="$venv dpkg-dev lintian"
grafana="$demo openssh-server openssh-client prometheus"
bench="$demo openssh-server openssh-client mariadb-server ruby-railties ruby-activerecord ruby-mysql2
systemd-journal-remote"
torture="$demo openssh-server openssh-client mariadb-server strace faketime"
cluster="$test"
platforms="$test debootstrap debian-archive-keyring"

case "${1-}" in
venv) wanted=$venv ;;
deb) wanted=$deb ;;
demo) wanted=$demo ;;
grafana) wanted=$grafana ;;
test) wanted=$test ;;
bench) wanted=$bench ;;
torture) wanted=$torture ;;
cluster) wanted=$cluster ;;
platforms) wanted=$platforms ;;
*)
    echo "usage: $0 venv|deb|demo|grafana|test|bench|torture|cluster|platforms" >&2
    exit 64
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "$0: no Debian; going on without a look. Needed, by Debian's names:" $wanted >&2
    exit 0
fi

missing=
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "$0: packages are missing. As root: apt-get install --no-install-recommends$missing" >&2
    exit 69
fi

# Nothing that is installed here may start: a policy-rc.d that says no (unless the machine has
# one already), and no default cluster for PostgreSQL.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
clusters=/etc/postgresql-common/createcluster.conf
if [ ! -e "$clusters" ]; then
    mkdir -p "${clusters%/*}"
    echo 'create_main_cluster = false' >"$clusters"
fi

export DEBIAN_FRONTEND=noninteractive
# A package list of somebody else's that can't be reached is no reason to stop: what is missing
# after it makes the install fail, with its name.
apt-get update -q || echo "$0: apt-get update had trouble; going on" >&2
apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold $missing
