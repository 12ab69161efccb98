title A 7960 registered and does not answer the PBX any more; one that restarts is back in time
about 001B54AABBC7
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 gets SIP{MAC}.cnf
0:01 gets RINGLIST.DAT
0:03 registers 1001 agent Cisco-CP7960G/8.0
5:00 unreachable 1001
sound: 6:10 gets SIP{MAC}.cnf
sound: 6:11 gets RINGLIST.DAT
sound: 6:20 registers 1001 agent Cisco-CP7960G/8.0
8:01 waits
finds unreachable
