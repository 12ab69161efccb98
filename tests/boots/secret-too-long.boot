title FreePBX's own secret of 32 characters is more than a 7960 takes: it would say Unprovisioned
about 001B54AABBCE
fault: extension 1001 secret 32
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SIP{MAC}.cnf
0:02 gets RINGLIST.DAT
sound: 0:05 registers 1001 agent Cisco-CP7960G/8.0
0:30 waits
finds secret-too-long
