title Another device asks for the file of a 7960 that works
about 001B54AABBDC
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SIP{MAC}.cnf
0:02 gets RINGLIST.DAT
0:05 registers 1001 agent Cisco-CP7960G/8.0
fault: 5:00 denied SIP{MAC}.cnf foreign from 10.0.7.99
6:00 waits
finds foreign-request
