title The PBX says that it listens on TCP, and nobody answers there: a 7942 cannot register
about 001B54AABBDA
phone {MAC} model 7942 lines 1001
fault: tcp-silent
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
sound: 0:05 registers 1001 agent Cisco-CP7942G/9.4.2
0:30 waits
finds tcp-silent
