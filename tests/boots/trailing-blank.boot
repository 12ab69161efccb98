title The line of an OS79XX.TXT that a 7960 once read ends with a blank
about 001B54AABBC3
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 asks "P003-8-12-00 .sbn" -> not-found
sound: 0:10 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:10 gets SIP{MAC}.cnf
sound: 0:11 gets RINGLIST.DAT
sound: 0:13 registers 1001 agent Cisco-CP7960G/8.0
finds name-with-blank
