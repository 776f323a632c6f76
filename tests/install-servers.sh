#!/bin/sh
# The real servers that tests run, from Debian's packages, where this is root on Debian. Elsewhere those tests are skipped by name.
set -eu
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0
need=""
command -v named >/dev/null 2>&1 || [ -x /usr/sbin/named ] || need="$need bind9 bind9-dnsutils"
[ -x /usr/sbin/knotd ] || need="$need knot"
[ -x /usr/sbin/pdns_server ] || need="$need pdns-server pdns-backend-sqlite3"
[ -x /usr/sbin/unbound ] || need="$need unbound"
[ -x /usr/sbin/postfix ] || need="$need postfix"
[ -x /usr/sbin/ip ] || [ -x /sbin/ip ] || need="$need iproute2"
[ -x /usr/bin/prometheus-alertmanager ] || need="$need prometheus prometheus-alertmanager prometheus-blackbox-exporter"
[ -x /usr/sbin/icinga2 ] || need="$need icinga2-bin"
[ -x /usr/sbin/nagios4 ] || need="$need nagios4-core"
[ -x /usr/sbin/nft ] && [ -x /usr/bin/certbot ] && [ -x /usr/bin/pebble ] && [ -x /usr/bin/sudo ] && [ -x /usr/sbin/logrotate ] || need="$need nftables certbot pebble sudo logrotate"
command -v espeak-ng >/dev/null 2>&1 || need="$need espeak-ng"
command -v rsync >/dev/null 2>&1 || need="$need rsync"
command -v chromium >/dev/null 2>&1 || need="$need chromium"
[ -n "$need" ] || exit 0
# Packages must not start their own services.
[ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; }
echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || exit 0
apt-get install -y -qq --no-install-recommends $need >/dev/null || echo "some servers could not be installed; their tests are skipped" >&2
