title Voicemail does not hear the keys of a 7960: the extension expects them in INFO requests
about 001B54AABBE5
fault: extension 1001 dtmf info
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SIP{MAC}.cnf
0:02 gets RINGLIST.DAT
0:05 registers 1001 agent Cisco-CP7960G/8.0
0:30 waits
finds dtmf-info
