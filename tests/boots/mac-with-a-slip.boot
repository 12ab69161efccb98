title The MAC in the PBX has one wrong digit, so the phone's file does not exist
answers A5
about 00179486C202
fault: phone 00179486C203 model 7940 lines 1001
sound: phone {MAC} model 7940 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 asks SIP{MAC}.cnf -> not-assigned
sound: 0:01 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:01 gets SIP{MAC}.cnf
sound: 0:02 gets RINGLIST.DAT
sound: 0:04 registers 1001 agent Cisco-CP7940G/8.0
finds not-assigned
