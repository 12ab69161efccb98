title A phone was converted and says Unprovisioned: nobody assigned an extension
answers A11
about 001B54AABB11
sound: phone {MAC} model 7941 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 asks ITLSEP{MAC}.tlv -> not-found
fault: 0:01 asks SEP{MAC}.cnf.xml -> not-assigned
fault: 0:02 gets XMLDefault.cnf.xml
sound: 0:01 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:01 gets SEP{MAC}.cnf.xml
sound: 0:02 gets dialplan.xml
sound: 0:04 registers 1001 agent Cisco-CP7941G/9.4.2
finds not-assigned
