# shellcheck shell=bash
# Bare Debian machines for tests, as folders below $TMPDIR. Sourced by tests/bare/run and tests/systemd/run.
# A machine is debootstrap's minbase with git and ca-certificates, as for a user who has just cloned the
# project. Bases and packages are kept in $DLRD_TEST_CACHE (default /var/cache/dlrd-test), so that only
# the first run downloads them. Needs root.

cache=${DLRD_TEST_CACHE:-/var/cache/dlrd-test}
base_days=7 # an older base is rebuilt, since packages change

# Creates the base of a release if it does not exist.
lay_base() { # SUITE
	local base=$cache/base-$1
	mkdir -p "$cache/archives-$1/partial"
	if [[ -n $(find "$base" -maxdepth 0 -mtime "-$base_days" 2>/dev/null) ]]; then
		return 0
	fi
	rm -rf --one-file-system "$base" "$base.new"
	debootstrap --variant=minbase --include=ca-certificates,git "$1" "$base.new" \
		>"$base.log" 2>&1 || { tail -n 20 "$base.log" >&2 && return 1; }
	touch "$base.new"
	mv "$base.new" "$base"
}

# Lays a machine of a release: its base, and what belongs to this place and not to the release, which is
# name resolution, package settings and certificate authorities.
lay_machine() { # SUITE ROOT
	local file
	lay_base "$1" || return
	cp -a "$cache/base-$1" "$2"
	cp /etc/resolv.conf /etc/hosts "$2/etc/"
	find /etc/apt/apt.conf.d -name '99*' -exec cp {} "$2/etc/apt/apt.conf.d/" \;
	for file in /root/.npmrc /etc/npmrc; do
		[[ ! -e $file ]] || cp "$file" "$2$file"
	done
	mkdir -p "$2/usr/local/share/ca-certificates"
	find /usr/local/share/ca-certificates -name '*.crt' \
		-exec cp {} "$2/usr/local/share/ca-certificates/" \;
	env -i PATH="$PATH:/usr/sbin" chroot "$2" update-ca-certificates >/dev/null 2>&1
}

# Runs a command in a machine, in separate process and mount namespaces. When this shell ends, all that
# the command started ends too, and nothing stays mounted.
inside() { # SUITE ROOT COMMAND...
	local suite=$1 root=$2
	shift 2
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --pid --fork --kill-child -- bash -euc '
		root=$1 archives=$2
		shift 2
		mount --make-rprivate /
		mount -t proc proc "$root/proc"
		mount --rbind /sys "$root/sys"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/dev/shm"
		mount --bind "$archives" "$root/var/cache/apt/archives"
		exec chroot "$root" env -i HOME=/root LANG=C.UTF-8 \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
			${DLRD_TEST_SCALE:+DLRD_TEST_SCALE="$DLRD_TEST_SCALE"} \
			${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
			sh -c "cd /root/dlrd && $*"' bash "$root" "$cache/archives-$suite" "$@" </dev/null
}

# The committed tree, as a new user clones it.
clone_into() { # ROOT
	git clone -q --no-hardlinks "$(git rev-parse --show-toplevel)" "$1/root/dlrd"
}
