title A 7941 took its configuration and says Registering for a long time
answers A27
about 001B54AABB27
phone {MAC} model 7941 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
sound: 0:05 registers 1001 agent Cisco-CP7941G/9.4.2
1:40 waits
finds not-registering
