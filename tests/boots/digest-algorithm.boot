title The extension asks for SHA-256 first, which a 7960 cannot answer
about 001B54AABBE0
fault: extension 1001 digest SHA-256
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SIP{MAC}.cnf
0:02 gets RINGLIST.DAT
sound: 0:05 registers 1001 agent Cisco-CP7960G/8.0
0:30 waits
finds digest-algorithm
