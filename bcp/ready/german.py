"""What does not hold, in German, for the weekly message: the promise by its code, of what, and what to do. Pure.

A check says in English what was seen; here stands which promise it is about. The page and ``bcp ready`` have the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bcp.contracts.readiness import Check
from bcp.ready.standing import Standing, whole

LEVELS: Mapping[str, str] = {"ready": "bereit", "at-risk": "gefährdet", "not-ready": "nicht bereit"}
STATES: Mapping[str, str] = {"fail": "gilt nicht", "risk": "gefährdet", "unknown": "nicht bekannt"}
NAMED = 3
"""So many things are named of those of which the same is said."""
_DNS = "Prüfen mit `bcp dns check`."
_RELAY = "Das Relay reparieren, bevor es gebraucht wird."
PROMISES: Mapping[str, tuple[str, str]] = {
    "approver-ways": ("Wer freigeben darf, ist auf zwei Wegen zu fragen", "Eine zweite Adresse eintragen."),
    "approvers-enough": ("Es kann einer mehr freigeben, als freigeben muss", "Eine weitere Person benennen."),
    "audience-channel": ("Der Empfängerkreis ist auf diesem Weg zu erreichen", "Adressen nachtragen."),
    "audience-reach": ("Der Empfängerkreis ist zu erreichen", "Einen Kanal einrichten oder Adressen nachtragen."),
    "channel": ("Der Anbieter lässt uns ein und würde senden", "Ansehen: `bcp doctor`."),
    "clock": ("Die Uhr dieser Maschine wird gestellt", "chrony oder systemd-timesyncd einrichten."),
    "clock-offset": ("Die Uhr dieser Maschine geht richtig", "Zeitdienst prüfen."),
    "clock-vendors": (
        "Die Uhr dieser Maschine geht wie die der Anbieter",
        "Uhr stellen: sonst gelten Signaturen, Token, Codes und Fristen nicht.",
    ),
    "configuration": ("Die Konfiguration ist zu lesen", "`bcp config check`."),
    "contacts": ("Die Kontakte sind zu lesen", "`bcp contacts check`."),
    "contacts-channels": ("Jeder Wunsch nennt einen Kanal, den es gibt", "`bcp contacts check`."),
    "contacts-optout": ("Jede Abmeldung gilt einem Kanal, den es gibt", "`bcp contacts check`."),
    "contacts-left": (
        "Wer in der Konfiguration steht, steht in den Kontakten",
        "In `bcp.yaml` jemand anderen eintragen.",
    ),
    "contacts-age": ("Die Kontakte sind frisch", "`bcp contacts sync`."),
    "disk": ("Auf der Platte ist Platz", "Platz schaffen."),
    "dns-accepted": ("Der MX darf dorthin geändert werden", _DNS),
    "dns-credential": ("Die Zugangsdaten beim DNS-Host gelten noch lange genug", "Sie erneuern."),
    "dns-code": ("Niemand sonst verwaltet die Zone", _DNS),
    "dns-delegation": ("Die Zone ist an diese Server delegiert", _DNS),
    "dns-dnssec": ("Die Signaturen der Zone gelten", _DNS),
    "dns-inside": ("Innen und außen wird dasselbe geantwortet", _DNS),
    "dns-mx": ("Der MX ist der, den bcp.yaml nennt", "Zurückstellen oder domains: primary: berichtigen."),
    "dns-mta-sts": ("MTA-STS nennt das Relay", _DNS),
    "dns-reach": ("Der MX der Zone ist zu lesen und nimmt Mail an", _DNS),
    "dns-right": ("Der MX darf geändert werden", _DNS),
    "dns-second-way": ("Auch der zweite Weg zur Zone geht", _DNS),
    "dns-servers": ("Die Server der Zone sind sich einig", _DNS),
    "dns-token": ("Das Zugangsrecht darf nur das Nötige", "Ein engeres Recht ausstellen."),
    "dns-ttl": ("Die TTL des MX ist kurz genug", "Die TTL senken."),
    "dns-wildcard": ("Der MX ist ein eigener Eintrag", _DNS),
    "drill-age": ("Es wurde geübt", "`bcp drill run refuse --own`."),
    "evidence-anchor": ("Jemand anderes bezeugt die Nachweise", "`evidence:` in bcp.yaml; `bcp evidence anchor`."),
    "evidence-witness": ("Der Ordner des Zeugen ist da", "Freigabe einhängen; `bcp evidence anchor`."),
    "page-fate": ("Die Seite, auf die alle sehen, liegt nicht bei Microsoft", "Sie woanders ausliefern."),
    "playbook": ("Das Playbook ist in Ordnung", "`bcp playbook lint`."),
    "relay-accepts": ("Das Relay nimmt Mail an unsere Leute an", _RELAY),
    "relay-address": ("Der Name des Relays hat eine Adresse", _RELAY),
    "relay-agent": ("Der Agent des Relays meldet sich und liest", "`bcp relay pull`."),
    "relay-blocklist": ("Das Relay steht auf keiner Sperrliste", "Es dort austragen lassen."),
    "relay-certificate": ("Das Zertifikat des Relays gilt", "Das Zertifikat erneuern."),
    "relay-closed": ("Das Relay nimmt keine fremde Mail an", "Sofort schließen: es ist ein offenes Relay."),
    "relay-clock": ("Die Uhr des Relays geht richtig", "Auf dem Relay: `timedatectl set-ntp true`."),
    "relay-disk": ("Auf dem Relay ist Platz für einen langen Ausfall", "Ihm eine größere Platte geben."),
    "relay-exchange": ("Das Relay erreicht Exchange", "Port 25 nach draußen öffnen."),
    "relay-fate": ("Das Relay fällt nicht mit dem aus, was es ersetzt", "Ein Relay bei einem anderen Anbieter mieten."),
    "relay-firewall": ("Die Firewall des Relays ist geladen", "Auf dem Relay die Regeln laden."),
    "relay-keeps": ("Das Relay hält nichts zurück, was niemand abholt", "`bcp relay drain`."),
    "relay-kit": ("Das Relay ist eingerichtet, wie es sein soll", "`bcp relay kit --check`."),
    "relay-left-behind": ("An Orten, die nicht mehr in bcp.yaml stehen, wartet keine Mail", "`bcp relay account`."),
    "relay-list-age": ("Das Relay kennt unsere Leute nach einer frischen Liste", "`bcp relay recipients sync`."),
    "relay-machine": ("Der Agent des Relays meldet sich", "`bcp relay`."),
    "relay-queue": ("Die Mail im Relay kann gezählt werden", "`queue:` in bcp.yaml setzen."),
    "relay-queue-age": ("Im Relay wartet keine Mail lange", "Auf dem Relay: `bcp-relay queue`."),
    "relay-reach": ("Das Relay lässt sich fragen", "Den Weg von `kit: reach:` prüfen."),
    "relay-recipients": ("Das Relay lehnt Unbekannte ab", "Die Liste der Empfänger erneuern."),
    "relay-renewal": ("Das Zertifikat auf dem Relay wird erneuert", "Auf dem Relay: `bcp-relay certificate`."),
    "relay-running": ("Postfix läuft auf dem Relay, auch nach einem Neustart", "`systemctl start postfix`."),
    "relay-soft-bounce": ("Das Relay schickt in einem Ausfall nichts endgültig zurück", "`bcp-relay bounce off`."),
    "relay-tlsa": ("TLSA des Relays ist in Ordnung", _DNS),
    "secret": ("Das Geheimnis ist da", "Es setzen, oder den Verweis ändern."),
    "secret-open": ("Nur wer darf, kann das Geheimnis lesen", "Die Datei schließen: `chmod 600`."),
    "secret-expiry": ("Das Geheimnis gilt noch lange genug", "Es erneuern."),
    "shared-fate": ("Das Playbook hängt nicht von dem ab, was ausfällt", "`bcp playbook lint`."),
    "shared-fate-later": ("Auch später hängt nichts von dem ab, was ausfällt", "`bcp playbook lint`."),
    "site-certificate": ("Das Zertifikat der Seite gilt", "Das Zertifikat erneuern."),
    "snapshot-age": ("Es ist festgehalten, wie Frieden aussieht", "`bcp snapshot`."),
    "state-copy": ("Der Zustandsordner wird kopiert", "Jede Nacht kopieren; `readiness: copies:`."),
    "state-database": ("Die Dateien des Zustands sind heil", "Eine Kopie zurückspielen."),
}
"""By code of a check: the promise, and what to do where it does not hold."""


def sentence(found: Sequence[Standing]) -> str:
    """The one sentence, without its point."""
    if not found:
        return "Nichts ist bereit: kein Playbook ist für einen Ausfall da"
    level = whole(found)
    bad = [s for s in found if s.level == level]
    if level == "ready":
        return "Alles ist bereit"
    return f"{len(bad)} von {len(found)} Playbooks {'ist' if len(bad) == 1 else 'sind'} {LEVELS[level]}"


def reasons(checks: Sequence[Check]) -> list[dict[str, str]]:
    """One row for each promise that does not hold, the things of which the same is said together."""
    families: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        families.setdefault((check.code, check.state), []).append(check)
    return [_row(code, state, family) for (code, state), family in families.items()]


def _row(code: str, state: str, family: Sequence[Check]) -> dict[str, str]:
    promise, todo = PROMISES.get(code, (code, "Ansehen: `bcp ready`."))
    subjects = list(dict.fromkeys(c.subject for c in family if c.subject))
    more = f" und {len(subjects) - NAMED} weitere" if len(subjects) > NAMED else ""
    about = f" ({', '.join(subjects[:NAMED])}{more})" if subjects else ""
    return {"says": f"{STATES.get(state, state)}: {promise}{about}", "hint": todo, "state": state}
