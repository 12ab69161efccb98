title A 7942 on 9.x needs SIP over TCP and a fresh FreePBX has it off
about 001B54AABBCC
fault: no-tcp
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
sound: 0:05 registers 1001 agent Cisco-CP7942G/9.4.2
finds tcp-off
