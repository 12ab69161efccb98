title A 7942 that booted without getting its configuration renews its lease, which is no boot
about 001B54AABBD5
phone {MAC} model 7942 lines 1001
0:00 leases 10.0.7.60
0:05 asks CTLSEP{MAC}.tlv -> not-found
fault: 30:00 leases 10.0.7.60
sound: 30:00 renews 10.0.7.60
33:00 waits
finds no-first-request
