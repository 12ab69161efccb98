title Nobody tells the phones the time
about 001B54AABBCB
fault: no-clock
phone {MAC} model 7960 lines 1001
0:05 asks CTLSEP{MAC}.tlv -> not-found
0:05 gets SIP{MAC}.cnf
0:06 gets RINGLIST.DAT
0:08 registers 1001 agent Cisco-CP7960G/8.0
finds no-clock
