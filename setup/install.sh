#!/bin/sh
# Installs what this checkout needs and is missing: Debian packages, uv, the Python environment.
# Run from anywhere; a second run changes nothing. Arguments: further lists of Debian packages.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 2; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        stop "not root and no sudo here; as root run: $*"
    fi
}

is_present() {
    command -v "$1" >/dev/null || dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null |
        grep -qx installed
}

install_debian_packages() {
    command -v apt-get >/dev/null ||
        stop "no apt-get here; install by hand what setup/*-packages.txt lists"
    missing=""
    for package in $(sed 's/#.*//' setup/debian-packages.txt "$@"); do
        is_present "$package" || missing="$missing $package"
    done
    if [ -z "$missing" ] && apt-cache show dataset-fashion-mnist >/dev/null 2>&1; then
        return
    fi
    as_root apt-get update -qq
    [ -n "$missing" ] || return 0
    say "Installing Debian packages:$missing"
    # shellcheck disable=SC2086 # the list is words on purpose
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing >build/apt.log 2>&1 ||
        { tail -n 20 build/apt.log >&2; stop "apt-get install failed; see build/apt.log"; }
}

install_uv() {
    wanted=$(cat setup/uv-version.txt)
    if [ "$(build/uv/bin/uv --version 2>/dev/null | cut -d ' ' -f 2)" != "$wanted" ]; then
        say "Installing uv $wanted into build/uv"
        python3 -m venv --clear build/uv
        build/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$wanted"
    fi
}

install_python_environment() {
    export UV_PYTHON_DOWNLOADS=never UV_PYTHON_PREFERENCE=only-system
    unset VIRTUAL_ENV # the environment is .venv, whichever one is active
    build/uv/bin/uv sync --locked --all-extras --quiet --dry-run --check 2>/dev/null && return
    say "Installing the Python environment into .venv from uv.lock"
    build/uv/bin/uv sync --locked --all-extras
}

mkdir -p build/mypy
ln -sfn ../.. build/mypy/taskzip
install_debian_packages "$@"
install_uv
install_python_environment
