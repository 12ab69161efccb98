title A 7941 lost power while it wrote its flash, and asks for its own serial number as a load
about 001B54AABBD1
phone {MAC} model 7941 lines 1001
0:00 leases 10.0.7.60
fault: 0:05 asks FCH1045A0XY.loads -> not-found
fault: 0:50 asks FCH1045A0XY.loads -> not-found
sound: 0:05 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:05 gets SEP{MAC}.cnf.xml
sound: 0:06 gets dialplan.xml
sound: 0:08 registers 1001 agent Cisco-CP7941G/9.4.2
finds image-damaged
