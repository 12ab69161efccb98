title A 7942 behind NAT registers with its inner address, where the PBX cannot reach it
about 001B54AABBC8
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
fault: 0:05 registers 1001 at 192.168.1.20 agent Cisco-CP7942G/9.4.2
fault: 1:05 unreachable 1001
sound: 0:05 registers 1001 agent Cisco-CP7942G/9.4.2
4:05 waits
finds behind-nat
