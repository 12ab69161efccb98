title A 7942 asks for a load whose archive nobody brought: the links to it are dead
answers A22
about 001B54AABB22
phone {MAC} model 7942 lines 1001
sound: firmware SIP42.9-4-2SR3-1S SIP42.9-4-2SR3-1S.loads,jar42sip.9-4-2ES26.sbn
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 asks SIP42.9-4-2SR3-1S.loads -> not-found
sound: 0:01 gets SIP42.9-4-2SR3-1S.loads
sound: 0:02 gets jar42sip.9-4-2ES26.sbn
sound: 1:30 asks CTLSEP{MAC}.tlv -> not-found
sound: 1:30 gets SEP{MAC}.cnf.xml
sound: 1:31 gets dialplan.xml
sound: 1:33 registers 1001 agent Cisco-CP7942G/9.4.2
finds firmware-missing
