title Two devices ask with one MAC, from two addresses in turn
about 001B54AABBCF
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 gets SIP{MAC}.cnf
0:01 gets RINGLIST.DAT
0:03 registers 1001 agent Cisco-CP7960G/8.0
fault: 1:00 asks CTLSEP{MAC}.tlv -> not-found from 10.0.7.61
fault: 1:10 asks CTLSEP{MAC}.tlv -> not-found
fault: 1:20 asks CTLSEP{MAC}.tlv -> not-found from 10.0.7.61
fault: 1:30 asks CTLSEP{MAC}.tlv -> not-found
fault: 1:40 asks CTLSEP{MAC}.tlv -> not-found from 10.0.7.61
fault: 1:50 asks CTLSEP{MAC}.tlv -> not-found
fault: 2:00 asks CTLSEP{MAC}.tlv -> not-found from 10.0.7.61
fault: 2:10 asks CTLSEP{MAC}.tlv -> not-found
finds mac-twice
