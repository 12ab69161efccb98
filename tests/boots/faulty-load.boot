title A 7960 runs SIP 7.5, which shows XML Parse Error at incoming calls
about 001B54AABBCA
phone {MAC} model 7960 lines 1001
fault: 0:00 announces model 7960 load P0S3-07-5-00
sound: 0:00 announces model 7960 load P0S3-8-12-00
0:05 asks CTLSEP{MAC}.tlv -> not-found
0:05 gets SIP{MAC}.cnf
0:06 gets RINGLIST.DAT
0:08 registers 1001 agent Cisco-CP7960G/8.0
finds faulty-load
