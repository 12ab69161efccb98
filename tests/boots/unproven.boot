title A 7960 behind a router asks again and again, and nothing shows that it is the phone
about 001B54AABBDB
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 denied SIP{MAC}.cnf unproven from 10.0.7.60
fault: 0:32 denied SIP{MAC}.cnf unproven from 10.0.7.60
sound: 0:01 gets SIP{MAC}.cnf
sound: 0:02 gets RINGLIST.DAT
sound: 0:05 registers 1001 agent Cisco-CP7960G/8.0
0:50 waits
finds unproven
