#!/bin/sh
# Installs the service, or takes it away: `make install` and `make uninstall` call this.
# Usage: DESTDIR=… prefix=… PYTHON=… [BYTECODE=no] packaging/install.sh install|uninstall
#
# Without DESTDIR it installs for this machine, as root, and tells systemd. With DESTDIR it writes
# below that directory alone: a package's scripts then do what `tell_systemd` does.
# The configuration is in /etc and the state in /var whatever the prefix is, since systemd's
# ConfigurationDirectory= and StateDirectory= know no other place.
set -eu
umask 022
cd "$(dirname "$0")/.."

destdir=${DESTDIR-}
program=$prefix/lib/ordermonit
share=$prefix/share
samples=$share/ordermonit
doc=$share/doc/ordermonit
conf=/etc/ordermonit
# What packaging/generate made: the manual, and each shell's completions.
pages='man/man1/ordermonit.1 man/man5/ordermonit.5 bash-completion/completions/ordermonit
zsh/site-functions/_ordermonit fish/vendor_completions.d/ordermonit.fish'
timers='ordermonit.timer ordermonit@*.timer'
units="$timers ordermonit.service ordermonit@*.service"
# systemd looks into these two prefixes alone.
case $prefix in
/usr | /usr/local) lib=$prefix/lib ;;
*) lib=/usr/local/lib ;;
esac

# Every file but those of the program and of the configuration: mode, source, destination.
files() {
    cat <<TABLE
644 packaging/systemd/ordermonit.service $lib/systemd/system/ordermonit.service
644 packaging/systemd/ordermonit.timer $lib/systemd/system/ordermonit.timer
644 packaging/systemd/ordermonit@.service $lib/systemd/system/ordermonit@.service
644 packaging/systemd/ordermonit@.timer $lib/systemd/system/ordermonit@.timer
755 packaging/systemd/ordermonit-generator $lib/systemd/system-generators/ordermonit-generator
644 packaging/systemd/ordermonit.catalog $lib/systemd/catalog/ordermonit.catalog
644 packaging/systemd/ordermonit.pt_BR.catalog $lib/systemd/catalog/ordermonit.pt_BR.catalog
644 packaging/systemd/sysusers.conf $lib/sysusers.d/ordermonit.conf
644 packaging/systemd/tmpfiles.conf $lib/tmpfiles.d/ordermonit.conf
644 packaging/systemd/credentials.conf $doc/credentials.conf
644 packaging/prometheus/ordermonit.rules.yml $doc/ordermonit.rules.yml
644 packaging/grafana/ordermonit.json $doc/ordermonit.grafana.json
644 LICENSE $doc/LICENSE
644 packaging/pacemaker/ordermonit.xml $doc/pacemaker/ordermonit.xml
644 packaging/pacemaker/corosync-fencing.conf $doc/pacemaker/corosync-fencing.conf
644 packaging/pacemaker/corosync-qdevice.conf $doc/pacemaker/corosync-qdevice.conf
TABLE
    # Every page, laid out as here, so that its links lead somewhere.
    for page in *.md docs/*.md docs/pictures/*; do echo "644 $page $doc/$page"; done
    for sample in config/*.yml; do
        echo "644 $sample $samples/${sample##*/}"
    done
    for page in $pages; do echo "644 build/share/$page $share/$page"; done
}

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s\n' "$0: $*" >&2
    exit 77
}
for_this_machine() { [ -z "$destdir" ]; }
systemd_runs() { [ -d /run/systemd/system ]; }
# Of ordermonit.timer and the shops' timers: those that run, and those that start at boot.
active_timers() {
    ! systemd_runs || systemctl list-units --plain --no-legend --state=active $timers | cut -d' ' -f1
}
enabled_timers() {
    for link in /etc/systemd/system/timers.target.wants/ordermonit[.@]*timer; do
        [ ! -L "$link" ] || echo "${link##*/}"
    done
}

# A file as it is meant for this prefix and this Python.
put() {
    mkdir -p "$destdir${3%/*}"
    sed -e "s,/usr/local,$prefix,g" -e "1s,^#!/usr/bin/python3,#!$PYTHON," "$2" >"$destdir$3.new"
    chmod "$1" "$destdir$3.new"
    mv -f "$destdir$3.new" "$destdir$3"
}

# The virtual environment is made beside its final place, then put there in one step.
build_program() {
    new=$destdir$program.new
    rm -rf "$new"
    "$PYTHON" -m venv --without-pip --symlinks "$new"
    build/venv/bin/python -m pip --quiet --disable-pip-version-check --python "$new/bin/python" \
        install --no-index --find-links build/wheels --no-deps --no-compile \
        -r packaging/requirements.txt ordermonit
    # What would still speak of the place where it was made, and what nobody needs there.
    find "$new/bin" -type f -delete
    rm -f "$new/.gitignore"  # Python 3.13 and newer write one
    sed -i '/^command = /d' "$new/pyvenv.cfg"
    # A package's own script may make the byte code, on the machine that it is for.
    [ "${BYTECODE-yes}" = no ] ||
        "$new/bin/python" -m compileall -q -j 0 -s "$new" -p "$program" "$new/lib"
    cat >"$new/bin/ordermonit" <<SCRIPT
#!$program/bin/python -I
from ordermonit.__main__ import main

main()
SCRIPT
    chmod 755 "$new/bin/ordermonit"
}

put_program() {
    rm -rf "$destdir$program"
    mv "$new" "$destdir$program"
    mkdir -p "$destdir$prefix/bin"
    ln -sf ../lib/ordermonit/bin/ordermonit "$destdir$prefix/bin/ordermonit"
}

# A file of the configuration that somebody edited is theirs. One that is still as an earlier
# version brought it follows the new one; beside an edited one a changed sample is put as .new.
configure() {
    for sample in config/*.yml; do
        file=$destdir$conf/${sample##*/} before=$destdir$samples/${sample##*/}
        if [ ! -e "$file" ] || cmp -s "$file" "$before" || cmp -s "$file" "$sample"; then
            install -m 640 "$sample" "$file.new"
            mv -f "$file.new" "$file"
        elif ! cmp -s "$sample" "$before"; then
            install -m 640 "$sample" "$file.new"
            say "$file was edited and stays as it is. What is new: diff $file $file.new"
        fi
    done
}

# The user, its directories, the explanations of the journal, the units.
tell_systemd() {
    systemd-sysusers "$lib/sysusers.d/ordermonit.conf"
    systemd-tmpfiles --create "$lib/tmpfiles.d/ordermonit.conf"
    journalctl --update-catalog
    ! systemd_runs || systemctl daemon-reload
}

say_what_is_next() {
    say "ordermonit is installed: $prefix/bin/ordermonit. Next:"
    say "1. Edit these files; $doc/docs/configuration.md explains them:"
    for sample in config/*.yml; do say "     $conf/${sample##*/}"; done
    say "   Put the node's key into /var/lib/ordermonit/.ssh/id_rsa, and its host key into known_hosts"
    say "   there, both for the user ordermonit alone; or use credentials: $doc/credentials.conf"
    say "2. ordermonit init --latest"
    say "3. systemctl enable --now ordermonit.timer"
    if ! unshare --user true 2>/dev/null; then
        say "User namespaces are closed on this machine, so the unit would end with 217/USER. First:"
        say "   mkdir -p /etc/systemd/system/ordermonit.service.d   # ordermonit@.service.d with many shops"
        say "   printf '[Service]\\nPrivateUsers=no\\n' \\"
        say "     >/etc/systemd/system/ordermonit.service.d/private-users.conf"
    fi
}

install_all() {
    build_program
    active=
    ! for_this_machine || active=$(active_timers)
    # A running cycle ends in order, and none starts with half of the new version.
    [ -z "$active" ] || systemctl stop $units
    put_program
    install -d -m 750 "$destdir$conf"
    configure
    files | while read -r mode from to; do put "$mode" "$from" "$to"; done
    for_this_machine || return 0
    tell_systemd
    if [ -n "$active" ]; then
        systemctl start $active
        say "ordermonit is upgraded, and goes on:" $active
    else
        say_what_is_next
    fi
}

uninstall_all() {
    if for_this_machine; then
        for timer in $(enabled_timers); do systemctl --quiet disable "$timer" || :; done
        ! systemd_runs || systemctl stop $units || :
    fi
    rm -rf "$destdir$program" "$destdir$program.new"
    rm -f "$destdir$prefix/bin/ordermonit" "$destdir$conf"/*.yml.new
    files | while read -r mode from to; do rm -f "$destdir$to"; done
    # Directories that are ours, or that install may have made: only if nothing is in them.
    for directory in "$samples" "$doc/docs/pictures" "$doc/docs" "$doc/pacemaker" "$doc" "$lib"/systemd/system "$lib"/systemd/system-generators \
        "$lib"/systemd/catalog "$lib"/systemd "$lib"/sysusers.d "$lib"/tmpfiles.d \
        "$share"/man/man1 "$share"/man/man5 "$share"/bash-completion/completions \
        "$share"/bash-completion "$share"/fish/vendor_completions.d "$share"/fish \
        "$share"/zsh/site-functions "$share"/zsh; do
        [ ! -d "$destdir$directory" ] || rmdir --ignore-fail-on-non-empty "$destdir$directory"
    done
    for_this_machine || return 0
    journalctl --update-catalog
    ! systemd_runs || systemctl daemon-reload
    say "ordermonit is uninstalled. Its configuration, state, log and user are still there. To remove"
    say "them too: rm -r $conf /var/lib/ordermonit /var/log/ordermonit; userdel ordermonit"
}

# Scripts and links name it, and the text of the files is rewritten with it.
case $prefix in
/*[!A-Za-z0-9/._+-]* | [!/]* | '')
    echo "$0: prefix=$prefix is refused: give an absolute path of A-Z a-z 0-9 / . _ + -, such as" \
        "prefix=/opt" >&2
    exit 64
    ;;
esac
if for_this_machine && [ "$(id -u)" -ne 0 ]; then
    fail "this writes to $prefix, /etc and /var: run it as root, or give DESTDIR"
fi
case $destdir in
'' | /*) ;;
*) destdir=$PWD/$destdir ;;
esac
case ${1-} in
install) install_all ;;
uninstall) uninstall_all ;;
*)
    echo "usage: DESTDIR=… prefix=… PYTHON=… $0 install|uninstall" >&2
    exit 64
    ;;
esac
