title The PBX's host blocks the phone's address after it tried an old secret
about 001B54AABBC5
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 gets SIP{MAC}.cnf
0:01 gets RINGLIST.DAT
0:03 registers 1001 agent Cisco-CP7960G/8.0
1:00 gone 1001
fault: 1:01 banned
sound: 1:05 registers 1001 agent Cisco-CP7960G/8.0
finds banned
