title A 7942 boots again and again, takes its files each time, and does not come back to the PBX
about 001B54AABBD8
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
0:05 registers 1001 agent Cisco-CP7942G/9.4.2
fault: 10:00 unreachable 1001
fault: 11:00 gets SEP{MAC}.cnf.xml
fault: 11:01 gets dialplan.xml
fault: 12:00 gets SEP{MAC}.cnf.xml
fault: 12:01 gets dialplan.xml
fault: 13:00 gets SEP{MAC}.cnf.xml
fault: 13:01 gets dialplan.xml
fault: 14:00 gets SEP{MAC}.cnf.xml
fault: 14:01 gets dialplan.xml
fault: 15:00 gets SEP{MAC}.cnf.xml
fault: 15:01 gets dialplan.xml
fault: 16:00 gets SEP{MAC}.cnf.xml
fault: 16:01 gets dialplan.xml
16:30 waits
finds unreachable
