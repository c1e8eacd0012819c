#!/bin/sh
# Gives a new certificate to aditd, which runs with --tls-dir /etc/adit/tls and notices it within
# seconds. certbot and lego run it as root: as /etc/letsencrypt/renewal-hooks/deploy/aditd, or
# lego ... --run-hook FILE, lego ... renew --renew-hook FILE.
set -eu
to=${ADIT_TLS_DIR:-/etc/adit/tls}
group=${ADIT_TLS_GROUP:-aditd}
chain=${LEGO_CERT_PATH:-${RENEWED_LINEAGE:-}/fullchain.pem}
key=${LEGO_CERT_KEY_PATH:-${RENEWED_LINEAGE:-}/privkey.pem}
name=${LEGO_CERT_DOMAIN:-$(basename "${RENEWED_LINEAGE:?certbot and lego set the variables of a renewal}")}
name=$(printf %s "$name" | tr '*' _)
install -d -m 750 -g "$group" "$to" "$to/$name"
# The relay reads no half a file: each is renamed into its place.
install -m 640 -g "$group" "$chain" "$to/$name/.fullchain.pem"
install -m 640 -g "$group" "$key" "$to/$name/.privkey.pem"
mv -f "$to/$name/.privkey.pem" "$to/$name/privkey.pem"
mv -f "$to/$name/.fullchain.pem" "$to/$name/fullchain.pem"
