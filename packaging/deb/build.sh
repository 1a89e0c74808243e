#!/bin/sh
# Makes build/ordermonit_VERSION_ARCHITECTURE.deb of what `make install prefix=/usr` makes.
# Usage: PYTHON=… [COMPRESSION=xz] [DEBEMAIL=… DEBFULLNAME=…] packaging/deb/build.sh
#
# Needs no network and no root. The package belongs to the Debian, the architecture and the minor
# version of Python that it was built on.
set -eu
umask 022
cd "$(dirname "$0")/../.."

deb=$PWD/packaging/deb
root=$PWD/build/deb/root
program=$root/usr/lib/ordermonit
doc=$root/usr/share/doc/ordermonit

stage() {
    rm -rf build/deb
    mkdir -p "$root/DEBIAN"
    DESTDIR=$root prefix=/usr BYTECODE=no packaging/install.sh install
    find "$program" -name '*.so*' -type f >build/deb/libraries
    xargs chmod 644 <build/deb/libraries
    xargs strip --strip-unneeded <build/deb/libraries
    find "$root/usr/share/man" -type f -exec gzip -9n {} +
    # Its text is in the copyright file.
    rm "$doc/LICENSE"
}

# Who is asked about it, as Debian's own tools take it, or git.
maintainer=${DEBEMAIL-$(git config user.email || :)}
if [ -z "$maintainer" ]; then
    echo "$0: a package names who is asked about it: give DEBEMAIL=address (and DEBFULLNAME=name)" >&2
    exit 64
fi
maintainer="${DEBFULLNAME:-ordermonit contributors} <$maintainer>"

document() {
    {
        sed -e "/@license@/r LICENSE" -e '/@license@/d' "$deb/copyright"
        for metadata in "$program"/lib/python*/site-packages/*.dist-info/METADATA; do
            awk -F ': ' '
                /^$/ { exit }
                /^Name:/ { name = $2 }
                /^Version:/ { version = $2 }
                /^License(-Expression)?:/ && !license { license = $2 }
                /^Classifier: License ::/ && !license { license = $0; sub(/.* :: /, "", license) }
                END { printf "  %s %s: %s\n", name, version, license }' "$metadata"
        done
    } >"$doc/copyright"
    {
        printf 'ordermonit (%s) unstable; urgency=medium\n\n' "$version"
        printf '  * Built of its source. What has changed in it: CHANGELOG.md.\n\n'
        printf ' -- %s  %s\n' "$maintainer" "$(date -R ${SOURCE_DATE_EPOCH:+-d @$SOURCE_DATE_EPOCH})"
    } | gzip -9n >"$doc/changelog.Debian.gz"
    install -D -m 644 "$deb/lintian-overrides" "$root/usr/share/lintian/overrides/ordermonit"
}

# What its libraries need of Debian's own. dpkg-shlibdeps insists on a source's control file.
libraries() {
    mkdir -p build/deb/debian
    printf 'Source: ordermonit\n\nPackage: ordermonit\nArchitecture: any\n' >build/deb/debian/control
    private=$(sed 's,/[^/]*$,,' build/deb/libraries | sort -u | sed 's,^,-l,')
    (
        cd build/deb
        xargs dpkg-shlibdeps --warnings=0 -O --ignore-missing-info $private <libraries
    ) | sed -n 's/^shlibs:Depends=//p'
}

describe() {
    minor=$("$PYTHON" -c 'import sys; print(sys.version_info.minor)')
    sed -e "s/@version@/$version/" -e "s/@architecture@/$architecture/" \
        -e "s/@maintainer@/$maintainer/" -e "s/@libraries@/$(libraries)/" \
        -e "s/@python@/3.$minor/" -e "s/@next@/3.$((minor + 1))/" \
        -e "s/@size@/$(du -sk --exclude=DEBIAN "$root" | cut -f1)/" \
        "$deb/control" >"$root/DEBIAN/control"
    (cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
    (cd "$root" && find usr -type f -exec md5sum {} +) >"$root/DEBIAN/md5sums"
    for script in postinst prerm postrm; do install -m 755 "$deb/$script" "$root/DEBIAN/"; done
}

version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' ordermonit/__init__.py)-1
architecture=$(dpkg --print-architecture)
stage
document
describe
rm -f build/ordermonit_*.deb
dpkg-deb --root-owner-group -Z"${COMPRESSION:-xz}" --build "$root" build
rm -rf build/deb
