title A 7941 was reset and asks for term41.default.loads, and no set is named for it
answers A25
about 001B54AABB25
phone {MAC} model 7941 lines 1001
sound: firmware SIP41.9-4-2SR3-1S SIP41.9-4-2SR3-1S.loads,term41.default.loads,jar41sip.9-4-2ES26.sbn
sound: erased term41 SIP41.9-4-2SR3-1S
0:00 leases 10.0.7.60
fault: 0:05 asks term41.default.loads -> not-found
sound: 0:05 gets term41.default.loads
sound: 0:06 gets jar41sip.9-4-2ES26.sbn
sound: 3:20 asks CTLSEP{MAC}.tlv -> not-found
sound: 3:20 gets SEP{MAC}.cnf.xml
sound: 3:21 gets dialplan.xml
sound: 3:23 registers 1001 agent Cisco-CP7941G/9.4.2
finds firmware-missing
