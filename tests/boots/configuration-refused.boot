title A 7970 fetches its configuration every fifteen seconds and never goes on
answers A16
about 001B54AABB16
phone {MAC} model 7970 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
fault: 0:16 gets SEP{MAC}.cnf.xml
fault: 0:31 gets SEP{MAC}.cnf.xml
fault: 0:46 gets SEP{MAC}.cnf.xml
sound: 0:02 gets dialplan.xml
sound: 0:05 registers 1001 agent Cisco-CP7970G/9.3.1
finds config-refused
