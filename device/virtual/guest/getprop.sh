#!/system/bin/sh
# Prints a property of /system/build.prop (or a default), or all of them as Android does.
# Usage: getprop [NAME [DEFAULT]]
wanted=$1
while IFS='=' read -r name value; do
    case $name in '' | '#'*) continue ;; esac
    if [ -z "$wanted" ]; then
        echo "[$name]: [$value]"
    elif [ "$name" = "$wanted" ]; then
        echo "$value"
        exit 0
    fi
done </system/build.prop
[ -z "$wanted" ] || echo "$2"
