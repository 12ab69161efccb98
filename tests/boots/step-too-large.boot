title A 7961 on 8.2 is given 9.4 at once and goes round; by way of 8.3(3) it does not
answers A10
about 001B54AABB10
phone {MAC} model 7961 lines 1001
fault: firmware SIP41.9-4-2SR3-1S SIP41.9-4-2SR3-1S.loads,jar41sip.9-4-2ES26.sbn
sound: firmware SIP41.8-3-3S SIP41.8-3-3S.loads,jar41sip.8-3-2-27.sbn
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 gets SIP41.9-4-2SR3-1S.loads
fault: 1:00 gets SIP41.9-4-2SR3-1S.loads
fault: 2:00 gets SIP41.9-4-2SR3-1S.loads
sound: 0:01 gets SIP41.8-3-3S.loads
sound: 0:02 gets jar41sip.8-3-2-27.sbn
sound: 2:30 asks CTLSEP{MAC}.tlv -> not-found
sound: 2:30 gets SEP{MAC}.cnf.xml
sound: 2:31 gets dialplan.xml
sound: 2:33 registers 1001 agent Cisco-CP7961G/8.3.0
finds manifest-refused
