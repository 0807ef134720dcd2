# Runs in the image, as its user, on a read-only root, with a folder of flags, certificate, key and access file in
# /etc/newsprint, and a token of it in the environment; see image.sh.
get() {
  bash -c 'exec 3<>/dev/tcp/127.0.0.1/9464; printf "GET %s HTTP/1.0\r\n\r\n" "$0" >&3; cat <&3' "$1"
}
secure() { newsprint "$@" --tls_ca=/etc/newsprint/server.crt; }

/usr/bin/newsprintd --flagfile=/etc/newsprint/newsprintd.flags &
server=$!
for _ in $(seq 100); do
  if get /readyz | grep -x ok; then break; fi
  sleep 0.1
done
get /healthz | grep -x ok
get /metrics | grep '^newsprint_ready 1$'
secure import --json /tmp/articles.jsonl | grep '"failed":0'
secure groups
if newsprint groups; then exit 1; fi
unset NEWSPRINT_TOKEN
if secure groups; then exit 1; fi
secure groups 2>&1 | grep UNAUTHENTICATED
kill -TERM $server
wait $server
