# What Exchange Online needs for the relay {{ host }} ({{ relay }}). Written by `bcp relay kit`. Paste it block by block.
# Source: learn.microsoft.com, "Enhanced Filtering for Connectors", "Set up connectors to route mail".

Connect-ExchangeOnline

# 1. Is there a connector that lets mail in by one way only? Then the relay must be among its names or addresses, or the
#    whole drain is refused (5.7.51). Look before the day:
Get-InboundConnector | Where-Object { $_.RestrictDomainsToIPAddresses -or $_.RestrictDomainsToCertificate } |
    Format-List Name, SenderDomains, SenderIPAddresses, TlsSenderCertificateName

# 2. The relay's connector. It is known by its certificate; add -SenderIPAddresses where you prefer addresses.
New-InboundConnector -Name "{{ connector }}" -ConnectorType Partner -SenderDomains "*" `
    -RequireTls $true -TlsSenderCertificateName "{{ host }}" -Enabled $true

# 3. Enhanced Filtering: Exchange judges SPF and reputation by the address before the relay, which is the last hop.
Set-InboundConnector -Identity "{{ connector }}" -EFSkipLastIP $true -EFUsers $null

# 4. See that it is there: Enabled True, EFSkipLastIP True, TlsSenderCertificateName {{ host }}.
Get-InboundConnector -Identity "{{ connector }}" |
    Format-List Name, Enabled, SenderDomains, TlsSenderCertificateName, RequireTls, EFSkipLastIP, EFSkipIPs, EFUsers

# 5. Transport rules that give SCL -1 to the relay's mail would switch spam filtering off: there should be none.
Get-TransportRule | Where-Object { $_.SetSCL -eq -1 } | Format-List Name, State, SenderIpRanges

# 6. Each domain must be authoritative: an internal relay sends unknown recipients back to MX, that is, in circles (5.4.14).
{%- for hop in hops %}
Get-AcceptedDomain -Identity "{{ hop.domain }}" | Format-List DomainName, DomainType
{%- endfor %}

# 7. What Exchange takes at most, to compare with kit: message_size ({{ machine.message_size }} bytes):
Get-TransportConfig | Format-List MaxReceiveSize, MaxSendSize

# 8. Addresses that Graph does not tell, for the relay's list of recipients (kit: recipients: files):
Get-Recipient -ResultSize Unlimited -RecipientTypeDetails DynamicDistributionGroup, PublicFolder, MailContact, MailUser |
    ForEach-Object { $_.EmailAddresses } | Where-Object { $_ -like "smtp:*" } | ForEach-Object { $_.Substring(5) } |
    Sort-Object -Unique | Set-Content recipients-exchange.txt

# After the first mail through the relay its headers carry X-MS-Exchange-ExternalOriginalInternetSender: Enhanced
# Filtering has worked.
