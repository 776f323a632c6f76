#!/bin/sh
# Makes this Debian machine the relay {{ host }} ({{ relay }}). Safe to run twice: what is as it should be is left alone.
#
#   ./install.sh [--no-packages] [--no-certificate] [--no-firewall] [--replace]
#
# --no-packages      the packages are there; ask no archive
# --no-certificate   do not ask the certificate authority now (bcp-relay certificate does it later)
# --no-firewall      leave nftables alone
# --replace          this machine's Postfix had another task: its files are put aside (*.before-bcp) and replaced
set -eu
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
here=$(cd "$(dirname "$0")" && pwd)
packages=yes certificate=yes firewall=yes replace=no changed=

refuse() { echo "install.sh: $1" >&2; exit 3; }
say() { echo "$1"; }
enable() {
    for unit in "$@"; do
        systemctl enable --now "$unit" > /dev/null 2>&1 ||
            refuse "$unit cannot be started: systemctl status $unit says why (masked: systemctl unmask $unit)"
    done
}

for option in "$@"; do
    case $option in
        --no-packages) packages=no ;;
        --no-certificate) certificate=no ;;
        --no-firewall) firewall=no ;;
        --replace) replace=yes ;;
        *) refuse "there is no option $option" ;;
    esac
done

# -- May it be done here? Nothing is changed before all of this is answered. ------------------------------------------
[ "$(id -u)" = 0 ] || refuse "run it as root"
[ -e /etc/debian_version ] || refuse "this is not Debian, and the kit knows no other system"
[ -d "$here/root/etc/postfix" ] || refuse "the kit's folder is not whole: root/ is missing beside this script"
main=/etc/postfix/main.cf
if [ -e $main ] && ! grep -q 'Written by `bcp relay kit`' $main && [ $replace = no ]; then
    refuse "Postfix on this machine has another task ($main is not the kit's); --replace puts its files aside"
fi
if [ -e /etc/bcp-relay/relay.conf ]; then
    there=$(sed -n 's/^HOST="\(.*\)"$/\1/p' /etc/bcp-relay/relay.conf)
    [ "$there" = "{{ host }}" ] || [ $replace = yes ] || refuse "this machine is the relay $there, not {{ host }}"
fi
for other in exim4 sendmail opensmtpd; do
    [ ! -e /etc/init.d/$other ] || refuse "$other is installed here and holds port 25; remove it first"
done
free=$(df -P -B 1 /var | awk 'NR == 2 {print $4}')
[ "$free" -gt {{ machine.minfree }} ] ||
    refuse "/var has $free bytes free, and the relay would take no mail below {{ machine.minfree }}"

# -- Packages -----------------------------------------------------------------------------------------------------------
wanted="{{ packages }}"
lacking=
for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || lacking="$lacking $package"
done
if [ -n "$lacking" ]; then
    [ $packages = yes ] || refuse "packages are missing:$lacking"
    echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $lacking > /dev/null ||
        refuse "the packages could not be installed:$lacking"
    changed="$changed packages"
fi

# -- Files --------------------------------------------------------------------------------------------------------------
# Settings that move while the relay works are kept as they are now.
moving="defer_transports unknown_relay_recipient_reject_code"
kept= moved_back=
if [ -e $main ] && grep -q 'Written by `bcp relay kit`' $main; then
    for name in $moving; do
        case $name=$(postconf -h $name) in
            defer_transports= | defer_transports=exchange | unknown_*=450 | unknown_*=550) ;;
            *) # Set by hand to what bcp-relay never sets: as at the beginning.
                case $name in defer_*) postconf -e defer_transports= ;; *) postconf -e $name=450 ;; esac
                changed="$changed $main"
                moved_back=yes
                ;;
        esac
        kept="$kept$name=$(postconf -h $name)
"
    done
    bounces=$(postconf -hP exchange/unix/soft_bounce 2> /dev/null || echo yes)
    case $bounces in yes | no) ;; *) bounces=yes ;; esac
fi
put() { # file, mode
    if [ -f "/$1" ] && [ "$(stat -c '%a %u' "/$1")" != "$2 0" ]; then
        chown root:root "/$1" && chmod "$2" "/$1"
        changed="$changed /$1"
    fi
    if [ -e "/$1" ] && cmp -s "$here/root/$1" "/$1"; then return 0; fi
    # Only the moving settings differ: that is no difference.
    if [ "$1" = etc/postfix/main.cf ] && [ -e "/$1" ] && same_but_moving "$1"; then return 0; fi
    if [ "$1" = etc/postfix/master.cf ] && [ -e "/$1" ] && same_but_bounces "$1"; then return 0; fi
    if [ -e "/$1" ] && [ $replace = yes ] && [ ! -e "/$1.before-bcp" ]; then cp -p "/$1" "/$1.before-bcp"; fi
    install -D -m "$2" "$here/root/$1" "/$1.bcp-new"
    mv "/$1.bcp-new" "/$1"
    changed="$changed /$1"
}
still() { sed -e '/^defer_transports *=/d' -e '/^unknown_relay_recipient_reject_code *=/d' "$1"; }
same_but_moving() { [ "$(still "/$1")" = "$(still "$here/root/$1")" ]; }
flat() { sed -e '/^ *#/d' -e 's/soft_bounce *= *\(yes\|no\)//' "$1" | tr -s ' \n' '  '; }
same_but_bounces() { [ "$(flat "/$1")" = "$(flat "$here/root/$1")" ]; }

before=$changed
while read -r mode path; do put "$path" "$mode"; done << 'FILES'
{{ listing }}
FILES
[ "$before" = "$changed" ] && [ -z "$moved_back" ] || files_changed=yes
if [ -n "$kept" ] && [ "${files_changed:-no}" = yes ]; then
    printf '%s' "$kept" | while IFS= read -r line; do [ "${line#*=}" = "$(postconf -h "${line%%=*}")" ] ||
        postconf -e "$line"; done
    [ "$(postconf -hP exchange/unix/soft_bounce)" = "$bounces" ] || postconf -P "exchange/unix/soft_bounce=$bounces"
fi

# A private key that others can read was put there by hand.
for key in $(find /etc/bcp-relay/tls.pem /etc/bcp-relay/agent.key /etc/bcp-relay/rfc2136.ini \
    \( -perm /077 -o ! -user root \) 2> /dev/null); do
    chown root:root "$key" && chmod 600 "$key"
    changed="$changed $key"
done

# Who may write a folder may put another file in the place of one of ours.
for folder in $(sed 's,^\([^/]\),/\1,; s,/[^/]*$,,' /etc/bcp-relay/files | sort -u); do
    case $folder in /var/*) continue ;; esac
    [ -n "$(find "$folder" -maxdepth 0 \( -perm /002 -o ! -user root \) 2> /dev/null)" ] || continue
    chown root "$folder" && chmod o-w "$folder"
    changed="$changed $folder"
done

# -- Accounts, folders, keys ----------------------------------------------------------------------------------------------
if ! id bcp-relay > /dev/null 2>&1; then
    useradd --system --home-dir /var/lib/bcp-relay --create-home --shell /bin/sh bcp-relay
    changed="$changed account"
fi
[ -d /var/log/bcp-relay ] || install -d -m 0750 -o root -g adm /var/log/bcp-relay
keys=/var/lib/bcp-relay/.ssh/authorized_keys
if [ -s "$here/authorized_keys" ] && ! cmp -s "$here/authorized_keys" $keys; then
    install -d -m 0700 -o bcp-relay -g bcp-relay /var/lib/bcp-relay/.ssh
    install -m 0600 -o bcp-relay -g bcp-relay "$here/authorized_keys" $keys
    changed="$changed $keys"
fi
if [ ! -e /etc/postfix/bcp_recipients.db ]; then
    # Nobody is known yet: all get 450 until `bcp relay recipients sync` has brought the list.
    [ -e /etc/postfix/bcp_recipients ] || echo "# no list has come yet" > /etc/postfix/bcp_recipients
    postmap hash:/etc/postfix/bcp_recipients
    changed="$changed /etc/postfix/bcp_recipients"
fi
{%- if machine.agent %}
# The agent is one file that needs Python alone; the key is the main node's, too.
if [ -s "$here/bcp-light.pyz" ] && ! cmp -s "$here/bcp-light.pyz" /opt/bcp/bin/bcp; then
    install -D -m 0755 "$here/bcp-light.pyz" /opt/bcp/bin/bcp.new
    mv /opt/bcp/bin/bcp.new /opt/bcp/bin/bcp
    changed="$changed /opt/bcp/bin/bcp"
fi
if [ -s "$here/agent.key" ] && ! cmp -s "$here/agent.key" /etc/bcp-relay/agent.key; then
    install -m 0600 "$here/agent.key" /etc/bcp-relay/agent.key
    changed="$changed /etc/bcp-relay/agent.key"
fi
{%- endif %}
{%- if machine.dkim_selector %}
if [ ! -e /etc/dkimkeys/bcp-relay.private ]; then
    # Made here, and never leaves this machine.
    (umask 077 && mkdir -p /etc/dkimkeys && openssl genrsa -out /etc/dkimkeys/bcp-relay.private 2048 2> /dev/null)
    chown opendkim: /etc/dkimkeys/bcp-relay.private
    changed="$changed dkim-key"
fi
{%- endif %}

# -- Certificate, Postfix, services -------------------------------------------------------------------------------------
had=$(cksum /etc/bcp-relay/tls.pem 2> /dev/null || true)
if [ $certificate = yes ]; then
    bcp-relay certificate > /dev/null || say "no certificate yet: run \`bcp-relay certificate\` when the name points here"
else
    [ -s /etc/bcp-relay/tls.pem ] || bcp-relay own-certificate
fi
[ "$had" = "$(cksum /etc/bcp-relay/tls.pem)" ] || changed="$changed certificate"
postfix check || refuse "Postfix refuses its own files (see above); nothing was started"
bcp-relay age

systemd=no
[ ! -d /run/systemd/system ] || systemd=yes
if ! postfix status 2> /dev/null; then
    if [ $systemd = yes ]; then enable postfix; else postfix start > /dev/null 2>&1; fi
    changed="$changed started"
elif [ "${files_changed:-no}" = yes ]; then
    # postscreen and the listeners do not change by a reload alone.
    postfix reload 2> /dev/null
fi
if [ $systemd = yes ]; then
    [ -z "$changed" ] || systemctl daemon-reload
    enable postfix bcp-relay-age.timer{{ " certbot.timer" if machine.certificate.challenge != "own" }}
{%- if machine.dkim_selector %}
    enable opendkim
{%- endif %}
{%- if machine.spam == "rspamd" %}
    enable rspamd
{%- endif %}
{%- if machine.agent %}
    case $changed in *bcp/bin/bcp* | *agent.key* | *agent.service*) systemctl stop bcp-relay-agent 2> /dev/null || true ;; esac
    if [ -x /opt/bcp/bin/bcp ] && [ -s /etc/bcp-relay/agent.key ]; then
        enable bcp-relay-agent
    fi
{%- endif %}
else
    say "there is no systemd here: run \`bcp-relay age\` every ten minutes and \`certbot renew\` twice a day yourself"
fi

{%- if machine.agent %}
[ -x /opt/bcp/bin/bcp ] || say "no agent yet: put bcp-light.pyz (make light) beside this script, and run it again"
[ -s /etc/bcp-relay/agent.key ] || say "no agent's key yet: put agent.key beside this script, and run it again"
{%- endif %}

# -- Firewall, last: whoever is locked out has a relay that works ---------------------------------------------------------
if [ $firewall = no ]; then touch /etc/bcp-relay/no-firewall; else
    rm -f /etc/bcp-relay/no-firewall
    line='include "/etc/nftables.d/*.nft"'
    if ! grep -qxF "$line" /etc/nftables.conf 2> /dev/null; then
        echo "$line" >> /etc/nftables.conf
        changed="$changed /etc/nftables.conf"
    fi
    nft -f /etc/nftables.d/bcp-relay.nft || refuse "the firewall could not be loaded; the rest is done"
    [ $systemd = no ] || systemctl enable nftables > /dev/null 2>&1 ||
        refuse "the firewall is loaded, and not after a restart: systemctl status nftables says why"
fi

if [ -n "$changed" ]; then say "changed:$changed"; else say "nothing to change"; fi
