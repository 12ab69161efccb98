title A 7960 that restarts may be refused: the extension keeps contacts that are gone
about 001B54AABBE6
fault: extension 1001 contacts 2 keeps-contacts
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SIP{MAC}.cnf
0:02 gets RINGLIST.DAT
0:05 registers 1001 agent Cisco-CP7960G/8.0
0:30 waits
finds contacts-kept
