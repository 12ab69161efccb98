title The extension has no context: whatever a 7960 dials is answered by 404
about 001B54AABBE4
fault: extension 1001 no-context
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SIP{MAC}.cnf
0:02 gets RINGLIST.DAT
0:05 registers 1001 agent Cisco-CP7960G/8.0
0:30 waits
finds context-empty
