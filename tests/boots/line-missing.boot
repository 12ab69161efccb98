title The first line of a 7962 registered and the second did not
about 001B54AABBC6
phone {MAC} model 7962 lines 1001,1002
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 gets SEP{MAC}.cnf.xml
0:01 gets dialplan.xml
0:03 registers 1001 agent Cisco-CP7962G/9.4.2
sound: 0:05 registers 1002 agent Cisco-CP7962G/9.4.2
2:00 waits
finds line-missing
