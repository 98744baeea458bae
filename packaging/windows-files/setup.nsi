; The installer for Windows: for one user, without an administrator. Built by packaging/windows, in a folder that
; holds files\ (what is installed), icon.ico and side.bmp; VERSION, VERSION4 (1.2.3.0), SIZE_KB and TARGET are given.
;   setup.exe /S            installs silently; exit code 0 is success, 2 means that Repliscope was running
;   setup.exe /D=C:\folder  installs there; must come last, without quotes
;   uninstall.exe /S        uninstalls silently and keeps the user's data
Target ${TARGET}
SetCompressor /SOLID lzma
RequestExecutionLevel user
ManifestSupportedOS all
ManifestDPIAware true

!include MUI2.nsh
!include LogicLib.nsh
!include WinVer.nsh

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Repliscope"

Name "Repliscope"
Caption "Repliscope ${VERSION} setup"
OutFile "repliscope-setup.exe"
InstallDir "$LOCALAPPDATA\Programs\Repliscope"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
; A file that cannot be written ends the installation. It may not be skipped: half of two versions would remain.
AllowSkipFiles off
BrandingText "Repliscope ${VERSION}"
ShowInstDetails nevershow
ShowUninstDetails nevershow

VIProductVersion "${VERSION4}"
VIFileVersion "${VERSION4}"
VIAddVersionKey "ProductName" "Repliscope"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "Repliscope setup"
VIAddVersionKey "CompanyName" "The Repliscope authors"
VIAddVersionKey "LegalCopyright" "The Repliscope authors; MIT OR Apache-2.0"

!define MUI_ICON "icon.ico"
!define MUI_UNICON "icon.ico"
!define MUI_WELCOMEFINISHPAGE_BITMAP "side.bmp"
!define MUI_ABORTWARNING
!define MUI_COMPONENTSPAGE_SMALLDESC
!define MUI_FINISHPAGE_RUN "$INSTDIR\repliscope.exe"
!define MUI_FINISHPAGE_RUN_TEXT "Start Repliscope"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_COMPONENTS
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; Ends the (un)installation, before anything has changed, while a program in the folder $R0 runs: Windows does not
; let its file be written then. Asks to retry; when silent, it does not wait.
!macro EndIfRunning un
  Function ${un}EndIfRunning
    retry:
    StrCpy $R1 ""
    !insertmacro FindRunning "repliscope.exe"
    !insertmacro FindRunning "repliscope.com"
    ${If} $R1 != ""
      MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "Repliscope is running: $R1$\n$\nClose its window, end it in \
        every terminal, then retry." /SD IDCANCEL IDRETRY retry
      Abort "Repliscope is running. Nothing was changed."
    ${EndIf}
  FunctionEnd
!macroend
!macro FindRunning program
  ${If} ${FileExists} "$R0\${program}"
    ClearErrors
    FileOpen $R2 "$R0\${program}" a
    ${If} ${Errors}
      StrCpy $R1 "$R0\${program}"
    ${Else}
      FileClose $R2
    ${EndIf}
  ${EndIf}
!macroend
!insertmacro EndIfRunning ""
!insertmacro EndIfRunning "un."

Function .onInit
  ${IfNot} ${AtLeastWin10}
    MessageBox MB_OK|MB_ICONSTOP "Repliscope needs Windows 10 or later." /SD IDOK
    Abort
  ${EndIf}
FunctionEnd

Section "Repliscope" PROGRAM
  SectionIn RO
  StrCpy $R0 "$INSTDIR"
  Call EndIfRunning

  ; An earlier version in another folder would be left there with no way to uninstall it.
  ReadRegStr $R3 HKCU "${UNINSTALL}" "InstallLocation"
  ${If} $R3 != ""
  ${AndIf} $R3 != $INSTDIR
  ${AndIf} ${FileExists} "$R3\uninstall.exe"
    StrCpy $R0 "$R3"
    Call EndIfRunning
    ExecWait '"$R3\uninstall.exe" /S _?=$R3' $R4
    ; With _?= it cannot delete itself. Where it failed it is still needed.
    ${If} $R4 = 0
      Delete "$R3\uninstall.exe"
      RMDir "$R3"
    ${EndIf}
  ${EndIf}

  SetOutPath "$INSTDIR"
  File "files\*"
  WriteUninstaller "$INSTDIR\uninstall.exe"

  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Repliscope"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The Repliscope authors"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\repliscope.exe,0"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" ${SIZE_KB}
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1

  CreateDirectory "$SMPROGRAMS\Repliscope"
  CreateShortcut "$SMPROGRAMS\Repliscope\Repliscope.lnk" "$INSTDIR\repliscope.exe" "" "$INSTDIR\repliscope.exe"
  ; A terminal that finds `repliscope`, instead of a change to the user's PATH: an installer cuts a long one off.
  SetOutPath "$PROFILE"
  CreateShortcut "$SMPROGRAMS\Repliscope\Repliscope command line.lnk" "$SYSDIR\cmd.exe" \
    '/k "set "PATH=$INSTDIR;%PATH%" & repliscope --help"' "$INSTDIR\repliscope.exe"
  SetOutPath "$INSTDIR"
SectionEnd

Section /o "Shortcut on the desktop" DESKTOP
  CreateShortcut "$DESKTOP\Repliscope.lnk" "$INSTDIR\repliscope.exe" "" "$INSTDIR\repliscope.exe"
SectionEnd

Section "un.Repliscope" UN_PROGRAM
  SectionIn RO
  StrCpy $R0 "$INSTDIR"
  Call un.EndIfRunning

  ; One by one: a folder that /D= named may hold what is not ours.
  Delete "$INSTDIR\repliscope.exe"
  Delete "$INSTDIR\repliscope.com"
  Delete "$INSTDIR\README.txt"
  Delete "$INSTDIR\LICENSE-MIT.txt"
  Delete "$INSTDIR\LICENSE-APACHE.txt"
  Delete "$INSTDIR\THIRD-PARTY.html"
  Delete "$INSTDIR\THIRD-PARTY-RUNTIME.txt"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"

  Delete "$SMPROGRAMS\Repliscope\Repliscope.lnk"
  Delete "$SMPROGRAMS\Repliscope\Repliscope command line.lnk"
  RMDir "$SMPROGRAMS\Repliscope"
  Delete "$DESKTOP\Repliscope.lnk"
  DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd

Section /o "un.Data and settings" UN_DATA
  RMDir /r "$LOCALAPPDATA\repliscope"
  RMDir /r "$APPDATA\repliscope"
SectionEnd

LangString ABOUT_PROGRAM ${LANG_ENGLISH} "The program, its licences, and its entries in the start menu."
LangString ABOUT_DESKTOP ${LANG_ENGLISH} "An icon on the desktop."
LangString ABOUT_DATA ${LANG_ENGLISH} "What your clusters hold and how the window was laid out. Cannot be undone."
!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${PROGRAM} $(ABOUT_PROGRAM)
  !insertmacro MUI_DESCRIPTION_TEXT ${DESKTOP} $(ABOUT_DESKTOP)
!insertmacro MUI_FUNCTION_DESCRIPTION_END
!insertmacro MUI_UNFUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${UN_PROGRAM} $(ABOUT_PROGRAM)
  !insertmacro MUI_DESCRIPTION_TEXT ${UN_DATA} $(ABOUT_DATA)
!insertmacro MUI_UNFUNCTION_DESCRIPTION_END
