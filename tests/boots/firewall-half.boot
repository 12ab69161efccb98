title A firewall lets requests in and no acknowledgement: no transfer is ever whole
about 001B54AABB2A
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 loses SEP{MAC}.cnf.xml no-answer
fault: 0:30 loses SEP{MAC}.cnf.xml no-answer
fault: 1:00 loses SEP{MAC}.cnf.xml no-answer
sound: 0:01 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:01 gets SEP{MAC}.cnf.xml
sound: 0:02 gets dialplan.xml
sound: 0:04 registers 1001 agent Cisco-CP7942G/9.4.2
finds tftp-blocked
