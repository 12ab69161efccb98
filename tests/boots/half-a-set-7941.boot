title A 7941 asks for apps41, which is not among the files that were found on the net
answers A14
about 001B54AABB14
phone {MAC} model 7941 lines 1001
fault: firmware SIP41.9-1-1SR1S SIP41.9-1-1SR1S.loads,term61.default.loads lacks apps41.9-1-1TH1-16.sbn
sound: firmware SIP41.9-1-1SR1S SIP41.9-1-1SR1S.loads,term61.default.loads,apps41.9-1-1TH1-16.sbn
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 asks apps41.9-1-1TH1-16.sbn -> not-found
sound: 0:01 gets apps41.9-1-1TH1-16.sbn
sound: 1:00 asks CTLSEP{MAC}.tlv -> not-found
sound: 1:00 gets SEP{MAC}.cnf.xml
sound: 1:01 gets dialplan.xml
sound: 1:03 registers 1001 agent Cisco-CP7941G/9.1.1
finds set-incomplete
