title Asterisk is told to reach a 7960 over TLS: it registers, and calls to it do not arrive
about 001B54AABBE1
fault: extension 1001 over 0.0.0.0-tls
phone {MAC} model 7960 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SIP{MAC}.cnf
0:02 gets RINGLIST.DAT
0:05 registers 1001 agent Cisco-CP7960G/8.0
0:30 waits
finds transport-other
