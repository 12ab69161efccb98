title A phone restarts: the PBX loses it for two minutes, and nothing is found
about 001B54AABBD1
phone {MAC} model 7942 lines 1001,1002
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
0:05 registers 1001 agent Cisco-CP7942G/9.4.2
0:06 registers 1002 agent Cisco-CP7942G/9.4.2
5:00 unreachable 1001
5:20 gone 1002
6:40 asks CTLSEP{MAC}.tlv -> not-found
6:41 gets SEP{MAC}.cnf.xml
8:30 waits
finds nothing
