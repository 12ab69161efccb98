title A 7942 on 9.x speaks TCP, and its extension on chan_sip takes a registration over UDP alone
about 001B54AABBD6
fault: extension 1001 chan-sip only udp
sound: extension 1001 chan-sip
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
sound: 0:05 registers 1001 agent Cisco-CP7942G/9.4.2
finds transport-refused
