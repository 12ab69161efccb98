title A 7940 has a loader and no application: Protocol Application Invalid
about 001B54AABBC1
phone {MAC} model 7940 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 asks SEP{MAC}.cnf.xml -> other-family
0:01 gets SIP{MAC}.cnf
fault: 0:40 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:41 gets SIP{MAC}.cnf
fault: 1:20 asks CTLSEP{MAC}.tlv -> not-found
fault: 1:21 gets SIP{MAC}.cnf
sound: 0:24 gets SIP{MAC}.cnf
sound: 0:25 gets RINGLIST.DAT
sound: 0:30 registers 1001 agent Cisco-CP7940G/8.0
finds no-application
