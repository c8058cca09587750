#!/system/bin/sh
# BoringSSL's, as a phone's: it takes the processor's own instructions for SHA-256.
exec /usr/bin/bssl-tool sha256sum "$@"
