title A 7941 has SIP firmware and an assignment without an extension; nothing can be typed on it
answers A19
about 001B54AABB19
fault: phone {MAC} model 7941
sound: phone {MAC} model 7941 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 gets SEP{MAC}.cnf.xml
sound: 0:01 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:01 gets SEP{MAC}.cnf.xml
sound: 0:02 gets dialplan.xml
sound: 0:04 registers 1001 agent Cisco-CP7941G/9.4.2
finds no-lines
