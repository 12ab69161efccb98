title FreePBX's NAT settings are on for a 7960, which then never hears the answer to its registration
about 001B54AABBCD
fault: extension 1001 nat
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SIP{MAC}.cnf
0:02 gets RINGLIST.DAT
sound: 0:05 registers 1001 agent Cisco-CP7960G/8.0
0:30 waits
finds endpoint-nat
