title A 7942 moved to another address, asks for no file there and does not answer: that is no NAT
about 001B54AABBD2
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
0:05 registers 1001 agent Cisco-CP7942G/9.4.2
60:00 gone 1001
60:30 registers 1001 at 10.0.8.77 agent Cisco-CP7942G/9.4.2
fault: 90:00 unreachable 1001
93:00 waits
finds unreachable
