title A 7945 is expected and never heard; others ask
answers A17
about 001B54AABB17
phone {MAC} model 7945 lines 1001
phone 001B54AABBF0 model 7945 lines 1002
0:30 asks CTLSEP001B54AABBF0.tlv -> not-found from 10.0.7.61
sound: 1:00 asks CTLSEP{MAC}.tlv -> not-found
sound: 1:00 gets SEP{MAC}.cnf.xml
sound: 1:01 gets dialplan.xml
sound: 1:03 registers 1001 agent Cisco-CP7945G/9.4.2
6:00 waits
finds not-seen
