title A label was changed in the PBX and the phone has not read its configuration since
about 001B54AABBC9
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 gets SIP{MAC}.cnf
0:01 gets RINGLIST.DAT
0:03 registers 1001 agent Cisco-CP7960G/8.0
5:00 changes
sound: 5:30 gets SIP{MAC}.cnf
sound: 5:31 gets RINGLIST.DAT
sound: 5:40 registers 1001 agent Cisco-CP7960G/8.0
7:00 waits
finds config-stale
